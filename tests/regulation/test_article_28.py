"""Article 28 of the measures, as far as the software carries it out: features/article_28.feature."""

from pytest_bdd import scenarios

pytest_plugins = ["tests.regulation.loop_steps"]

scenarios("features/article_28.feature")
