"""Article 27 of the measures, as far as the software carries it out: features/article_27.feature."""

from pytest_bdd import scenarios

pytest_plugins = ["tests.regulation.loop_steps"]

scenarios("features/article_27.feature")
