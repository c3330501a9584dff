"""Operations analytics workbook: budget variance, seasonal demand and staffing, from raw tables to the board pack."""

__version__ = "0.1.0"
