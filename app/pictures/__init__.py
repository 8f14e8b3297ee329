"""Pictures as pure functions: table in, plotly figure out."""
