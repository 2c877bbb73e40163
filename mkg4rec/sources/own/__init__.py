"""Data sets that the user brings in local files: CSV, Parquet, pictures, or RecBole's atomic files."""
