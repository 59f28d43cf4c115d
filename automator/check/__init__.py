"""Is this connector right? Its cases, played against its twin or with a person's own key."""
