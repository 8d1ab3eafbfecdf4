"""A training run that takes milliseconds: a tiny network with dropout, so that random numbers matter."""

import sys
from pathlib import Path

import torch

from radrag.training.run_config import RunConfig
from radrag.training.run_state import shuffled
from radrag.training.runs import Run

EVERY_STEP = 1e-9
"""Minutes between checkpoints that make one due after every step."""
STEPS = 12


class TinyConfig(RunConfig):
    """Values of the tiny run."""

    rate: float = 0.05


def train(folder: Path, *, config: TinyConfig | None = None, on_step=lambda run, step: None) -> torch.Tensor:
    """Train to the end and return all weights as one vector."""
    config = config or TinyConfig(seed=3, checkpoint_minutes=EVERY_STEP)
    with Run(folder, config) as run:
        network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
        optimiser = torch.optim.AdamW(network.parameters(), lr=config.rate)
        inputs = torch.linspace(-1, 1, 24).reshape(6, 4)
        run.hold(network=network, optimiser=optimiser)
        for step in run.steps(STEPS):
            row = shuffled(6, seed=config.seed, epoch=step // 6)[step % 6]
            loss = (network(inputs[row]) - inputs[row].sum()).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            run.log(step, loss=loss.item())
            on_step(run, step)
        return torch.cat([one.detach().flatten() for one in network.parameters()])


def killed_while_it_saves(step: int) -> None:
    """Let this process die like a machine without power: in the middle of a step's checkpoint."""
    import os
    import signal

    from radrag.training import checkpoints

    whole = os.replace

    def replace(source, target):
        if Path(target).name == f"step-{step:08d}":
            os.kill(os.getpid(), signal.SIGKILL)
        whole(source, target)

    checkpoints.os.replace = replace


if __name__ == "__main__":
    killed_while_it_saves(7)
    train(Path(sys.argv[1]))
