-- All that a session keeps of an entry stands in the index: what has changed is read from it alone, and so is a whole mailbox, from a
-- tenth of the pages. A change of flags writes the index anyway, because it gives a new mod-sequence.
DROP INDEX entry_modseq;
CREATE INDEX entry_modseq ON entry (mailbox, modseq, uid, flags, keywords);
