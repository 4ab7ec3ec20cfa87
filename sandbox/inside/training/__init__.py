"""The harness's training: data, optimizer, loop and predictions. None of it is the candidate's."""
