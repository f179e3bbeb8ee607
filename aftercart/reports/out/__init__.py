"""What happened, as files for other tools: CSV, Parquet, Tableau's .hyper."""
