-- What an account's clients are not offered, though the server has it.

CREATE TABLE hidden_capability (
    account  INTEGER NOT NULL REFERENCES account,
    name     TEXT NOT NULL COLLATE NOCASE,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;
