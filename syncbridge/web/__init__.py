"""The HTTP side: what SCAYLE and Scend call, and what says whether we are alive, moving and well."""
