"""The house itself: that its gates, its plugin and its README do what they say."""
