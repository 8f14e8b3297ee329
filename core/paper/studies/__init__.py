"""The paper's figures, each as a declaration of what it needs. To add one: a file and a line."""

from core.paper.studies import (
    adaptation,
    cells,
    depth,
    factorized,
    las,
    ngram,
    signature,
    size,
    targets,
)
from core.paper.studies.study import Choices, Plan, Study

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        signature.STUDY,
        size.STUDY,
        depth.STUDY,
        adaptation.STUDY,
        ngram.STUDY,
        factorized.STUDY,
        las.STUDY,
        cells.STUDY,
        targets.STUDY,
    )
}

__all__ = ["STUDIES", "Choices", "Plan", "Study"]
