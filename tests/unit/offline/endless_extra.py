"""Stands for a module whose library hangs while it is loaded."""

import time

time.sleep(600)
