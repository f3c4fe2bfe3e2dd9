"""Stories across services: what people do, and what others come to know of it."""
