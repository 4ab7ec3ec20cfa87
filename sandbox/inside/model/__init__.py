"""What is done with a candidate's network: built, checked, trained, measured."""
