"""The forecast benchmark: the product's forecaster beside simple rivals, on series and days it has not seen."""
