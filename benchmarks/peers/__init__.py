"""This project's models beside RecBole's: `python -m benchmarks.peers COMPARISON`, in a workspace where `dvc repro` has built the data set.

RecBole 1.2.1 (https://recbole.io) is installed into an environment of its own, .mkg4rec/peers/environment (5 GB): it needs Python 3.10,
PyTorch 2.2 and NumPy below 2. Both sides train on the same machine with the same number of threads (OMP_NUM_THREADS),
on the same split, with the same dimensions and number of layers, batch size, learning rate and loss (BPR, of KGCN cross-entropy).
Other hyper-parameters are each side's own: ours those of params.yaml, RecBole's its defaults. The comparisons:

- `epochs`: seconds of an epoch of training alone, the two in turn.
- `ranking`: seconds from the weights to the validation NDCG@20 of all users, every item ranked, the two in turn.
- `race`: RecBole trains and validates for `--minutes`; then ours, until its validation NDCG@20 is at least RecBole's best.
  What counts is all that passes from the first step on: training, pretraining, validation and checkpoints. With
  `--tuned`, ours has all but the dimension from params.yaml.

Tables show the ratio of our seconds to RecBole's: below 1 where ours is the faster one.

The test part is never judged: RecBole reads it, because its split has three parts.

What an epoch is, each side defines: each train interaction once. Beside a batch of them CKE learns from a batch of triplets on both
sides; RecBole draws one for KGCN, too, without using it. RecBole's CKE has the structural term alone, as our
cke_without_text_and_visual has; our cke has auto-encoders of text and image, too.

RecBole ranks in blocks of as many users as suit it: its default, 4,096 scores at a time, is one user, which is the best for
models that score pairs (ConvNCF, KGCN) and slow for inner products, which get 1,024 users.
"""
