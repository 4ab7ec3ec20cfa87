"""The LEMUR data set: its networks brought to the contract."""
