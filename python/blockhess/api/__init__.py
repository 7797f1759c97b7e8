"""What users call: one file a public function, and the checks of what they are given."""
