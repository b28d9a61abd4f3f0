"""`viva doctor`: everything a talk needs, looked at in order; each fault named once, with what to do. An app room."""
