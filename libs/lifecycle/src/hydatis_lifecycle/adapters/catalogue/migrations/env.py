"""What alembic runs: the scripts, on the connection and in the transaction that the opener holds."""

from alembic import context

if __name__ == "env_py":  # the name under which alembic runs it; whoever imports it by its own migrates nothing
    context.configure(connection=context.config.attributes["connection"])
    context.run_migrations()
