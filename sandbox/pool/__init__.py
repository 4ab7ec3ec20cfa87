"""The warm pool: workers that have torch loaded, who gets one next, and where they may write."""
