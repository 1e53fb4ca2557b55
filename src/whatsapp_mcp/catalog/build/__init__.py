"""From tools.yaml to what a server reads (`catalog.json`, `arguments.pyi`) and to the pages about the tools.

Run by docs/generate.py and the tests, in a source checkout; in no installed package, and never imported by a server.
Uses the catalogue's own types, and YAML.
"""
