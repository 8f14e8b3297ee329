"""The paper's figures, each as a declaration of what it needs. To add one: a file and a line."""

from core.studies import adaptation, depth, factorized, ngram, size
from core.studies.study import Choices, Plan, Study

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (size.STUDY, depth.STUDY, adaptation.STUDY, ngram.STUDY, factorized.STUDY)
}

__all__ = ["STUDIES", "Choices", "Plan", "Study"]
