"""Article 29 of the measures, as far as the software carries it out: features/article_29.feature."""

from pytest_bdd import scenarios

scenarios("features/article_29.feature")
