"""The loop around any system: progress, log, sample grids, checkpoints, and resuming bit for bit."""

from minigen.training.checkpoint import CheckpointError, newest_checkpoint, read_checkpoint, write_checkpoint
from minigen.training.config import Config, build, read_config, write_config
from minigen.training.lock import LockError, RunLock
from minigen.training.log import Log, read_log
from minigen.training.state import load_system
from minigen.training.trainer import Trainer, TrainingError

__all__ = [
    "CheckpointError",
    "Config",
    "LockError",
    "Log",
    "RunLock",
    "Trainer",
    "TrainingError",
    "build",
    "load_system",
    "newest_checkpoint",
    "read_checkpoint",
    "read_config",
    "read_log",
    "write_checkpoint",
    "write_config",
]
