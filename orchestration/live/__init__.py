"""Live sources: what is fetched from databases, interfaces and drop folders into landing/."""
