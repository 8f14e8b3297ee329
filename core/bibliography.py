"""What to cite: the paper, and the methods that this program uses."""

from __future__ import annotations

_BIBTEX = """\
@inproceedings{koppula2018understanding,
  title = {Understanding recurrent neural state using memory signatures},
  author = {Koppula, Skanda and Sim, Khe Chai and Chin, Kean},
  booktitle = {IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP)},
  year = {2018}
}

@inproceedings{kneser1995improved,
  title = {Improved backing-off for m-gram language modeling},
  author = {Kneser, Reinhard and Ney, Hermann},
  booktitle = {IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP)},
  year = {1995}
}

@article{chen1999empirical,
  title = {An empirical study of smoothing techniques for language modeling},
  author = {Chen, Stanley F. and Goodman, Joshua},
  journal = {Computer Speech \\& Language},
  year = {1999}
}

@inproceedings{heafield2011kenlm,
  title = {KenLM: Faster and smaller language model queries},
  author = {Heafield, Kenneth},
  booktitle = {Sixth Workshop on Statistical Machine Translation},
  year = {2011}
}

@inproceedings{chan2016listen,
  title = {Listen, attend and spell},
  author = {Chan, William and Jaitly, Navdeep and Le, Quoc V. and Vinyals, Oriol},
  booktitle = {IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP)},
  year = {2016}
}

@article{samarakoon2016factorized,
  title = {Factorized hidden layer adaptation for deep neural network based acoustic modeling},
  author = {Samarakoon, Lahiru and Sim, Khe Chai},
  journal = {IEEE/ACM Transactions on Audio, Speech, and Language Processing},
  year = {2016}
}

@misc{feng2024were,
  title = {Were RNNs all we needed?},
  author = {Feng, Leo and Tung, Frederick and Ahmed, Mohamed Osama and Bengio, Yoshua and
            Hajimirsadeghi, Hossein},
  howpublished = {arXiv:2410.01201},
  year = {2024}
}

@inproceedings{orvieto2023resurrecting,
  title = {Resurrecting recurrent neural networks for long sequences},
  author = {Orvieto, Antonio and Smith, Samuel L. and Gu, Albert and Fernando, Anushan and
            Gulcehre, Caglar and Pascanu, Razvan and De, Soham},
  booktitle = {International Conference on Machine Learning (ICML)},
  year = {2023}
}

@misc{gu2023mamba,
  title = {Mamba: Linear-time sequence modeling with selective state spaces},
  author = {Gu, Albert and Dao, Tri},
  howpublished = {arXiv:2312.00752},
  year = {2023}
}

@misc{beck2024xlstm,
  title = {xLSTM: Extended long short-term memory},
  author = {Beck, Maximilian and Pöppel, Korbinian and Spanring, Markus and Auer, Andreas and
            Prudnikova, Oleksandra and Kopp, Michael and Klambauer, Günter and
            Brandstetter, Johannes and Hochreiter, Sepp},
  howpublished = {arXiv:2405.04517},
  year = {2024}
}

@misc{yang2024gated,
  title = {Gated delta networks: Improving Mamba2 with delta rule},
  author = {Yang, Songlin and Kautz, Jan and Hatamizadeh, Ali},
  howpublished = {arXiv:2412.06464},
  year = {2024}
}
"""


def citations() -> str:
    """BibTeX of the paper, first, and of the methods that this program takes from others.

    They are Kneser and Ney's smoothing as Chen and Goodman modified it (n-grams), KenLM, which
    reads and scores them, Listen-Attend-Spell, factorized kernels, and the cells beside the
    paper's two: minGRU and minLSTM, LRU, S6, mLSTM and Gated DeltaNet.
    """
    return _BIBTEX
