"""The projection to many symbols: an adaptive softmax, exact and normalized (Grave et al., 2017).

The frequent symbols have a logit each and so has each group of rarer ones, inside which a narrower
layer tells them apart: training computes a group only where one of it is next. Reading out all
probabilities costs about what a plain projection does.
"""

from __future__ import annotations

from torch import Tensor, nn

from core.text import SPECIAL
from core.training.batches import PAD
from core.training.loop import Loss

MANY = 1000  # symbols up to which a plain projection is as fast
# Where a group ends, as shares of all symbols, and how much narrower each is than the one before:
# a tenth of 10,000 words are about three quarters of a text.
ENDS, NARROWER = (0.1, 0.4), 2.0


class Adaptive(nn.AdaptiveLogSoftmaxWithLoss):
    """Numbered by frequency, but for <s>, </s> and <unk>, which are the last and come often.

    Here they are the first, so each number is shifted by three.
    """

    def __init__(self, hidden: int, symbols: int) -> None:
        ends = [int(share * symbols) for share in ENDS]
        super().__init__(hidden, symbols, ends, div_value=NARROWER)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Log probabilities of all symbols: [..., hidden] -> [..., symbols]."""
        logs = self.log_prob(x.flatten(0, -2)).roll(-len(SPECIAL), 1)
        return logs.view(*x.shape[:-1], -1)

    def loss(self, x: Tensor, predict: Tensor) -> Loss:
        """The cross-entropy of x [time, batch, hidden]; predict: [time, batch], PAD for none."""
        valid = predict != PAD
        target = (predict[valid] + len(SPECIAL)) % self.n_classes
        nats = super().forward(x[valid.to(x.device)], target.to(x.device)).loss
        return Loss(nats, nats, len(target))
