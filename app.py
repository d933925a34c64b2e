"""The CDK's entry: one configuration in, one cloud assembly out. Offline; creates nothing."""

import sys

from core.config import ConfigError, load
from stacks.synth import SynthError, configuration_path, synth

path = configuration_path()
try:
    synth(load(path.read_text()))
except (ConfigError, SynthError) as error:
    sys.exit(str(error))
except OSError as error:
    sys.exit(f"{path}: {error.strerror}")
