"""The stacked denoising auto-encoder, vector by vector."""

import torch

from mkg4rec.layers.denoising_autoencoder import DenoisingAutoencoder


def _affine(layer: torch.nn.Module, vector: torch.Tensor) -> torch.Tensor:
    assert isinstance(layer, torch.nn.Linear)
    return layer.weight @ vector + layer.bias


def _random(noise: float) -> DenoisingAutoencoder:
    torch.manual_seed(0)
    autoencoder = DenoisingAutoencoder([6, 5, 4, 2], noise)
    for parameter in autoencoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return autoencoder


@torch.no_grad()
def test_codes_and_reconstruction() -> None:
    autoencoder = _random(noise=0.0)
    vectors = torch.randn(3, 6)
    codes, losses = autoencoder.encode(vectors), []
    assert codes.shape == (3, 2)
    for vector, code in zip(vectors, codes, strict=True):
        value = vector
        for layer in autoencoder.encoder:
            value = torch.tanh(_affine(layer, value))
        torch.testing.assert_close(code, value)
        first, second, last = autoencoder.decoder
        value = _affine(last, torch.tanh(_affine(second, torch.tanh(_affine(first, value)))))
        losses.append(0.5 * (value - vector).norm() ** 2)
    torch.testing.assert_close(autoencoder.reconstruction_loss(vectors), torch.stack(losses).mean())


@torch.no_grad()
def test_reconstructs_from_what_corruption_left() -> None:
    autoencoder = _random(noise=0.3)
    seen: list[torch.Tensor] = []
    autoencoder.encoder[0].register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    vectors = torch.randn(4000, 6)
    autoencoder.encode(vectors)
    autoencoder.reconstruction_loss(vectors)
    clean, corrupted = seen
    assert torch.equal(clean, vectors)
    kept = corrupted != 0
    assert torch.equal(corrupted[kept], vectors[kept])
    # 24,000 entries of which 30 % are dropped: standard deviation 0.3 %.
    assert abs(kept.float().mean() - 0.7) < 0.015


def test_learns_to_tell_vectors_from_their_codes() -> None:
    torch.manual_seed(0)
    autoencoder = DenoisingAutoencoder([12, 8, 2], 0.2)
    vectors = torch.randn(64, 2) @ torch.randn(2, 12) / 3
    optimizer = torch.optim.Adam(autoencoder.parameters(), lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        autoencoder.reconstruction_loss(vectors).backward()
        optimizer.step()
    with torch.no_grad():
        error = (autoencoder.decode(autoencoder.encode(vectors)) - vectors).square().sum()
    assert error < 0.2 * vectors.square().sum()
