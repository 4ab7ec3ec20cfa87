"""From a campaign to proposals that are worth a training: what is shown, asked, dropped."""
