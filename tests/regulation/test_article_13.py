"""Article 13 of the measures, as far as the software carries it out: features/article_13.feature."""

from pytest_bdd import scenarios

scenarios("features/article_13.feature")
