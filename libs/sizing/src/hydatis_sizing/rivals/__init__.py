"""Published methods of sizing, as published: what ours is judged beside."""
