"""validated: good rows, typed and cleaned; and every other landed row with the reason why it is not published."""
