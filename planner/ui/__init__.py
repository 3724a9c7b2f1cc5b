"""The screen: a local web application that edits a job or profile, places it, and shows what follows."""
