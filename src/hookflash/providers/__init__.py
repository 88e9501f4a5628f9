"""What providers of telephony want: their presets, what a trunk says of its provider, and the
Refer-To that each understands."""
