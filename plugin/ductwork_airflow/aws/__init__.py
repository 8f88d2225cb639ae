"""AWS as the plugin meets it: clients, the codes of its errors, which of them are transient."""
