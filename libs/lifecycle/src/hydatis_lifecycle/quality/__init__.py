"""Quality of data: five scores with their counts, and the gates that stop a training."""
