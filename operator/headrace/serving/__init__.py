"""The bundle format and the model server. Imports nothing that the serving image lacks."""
