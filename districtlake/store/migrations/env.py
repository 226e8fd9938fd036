"""Run by Alembic with the connection that ``store.engine`` holds, inside its transaction and behind its lock."""

from alembic import context

from districtlake.store import access_tables  # noqa: F401 - its tables belong to the metadata
from districtlake.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,  # SQLite can, although Alembic does not presume it: a step is applied whole or not at all
    render_as_batch=True,  # SQLite cannot alter constraints in place
)
context.run_migrations()
