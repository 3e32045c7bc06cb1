# Perl's Mail::IMAPClient against a running server: folders, append, search, fetch, copy, move, expunge, IDLE.
# Arguments: the host and the port of imap. Ends with success, or with what failed.
use strict;
use warnings;
use Mail::IMAPClient;

my ($host, $port) = @ARGV;
my $imap = Mail::IMAPClient->new(
    Server => $host, Port => $port, User => 'alice@example.test', Password => 'testpass', Uid => 1, Timeout => 20
) or die "login: $@";

sub ok { my ($what, $result) = @_; defined $result or die "$what: " . $imap->LastError; return $result }

my $message = "From: bob\@example.test\r\nSubject: one\r\nMessage-ID: <one\@example.test>\r\n\r\ntext\r\n";
ok('capability', $imap->has_capability('UIDPLUS') || undef);
ok('create', $imap->create('Work/Old'));
die 'no folder' unless grep { $_ eq 'Work/Old' } @{ ok('folders', scalar $imap->folders) };
ok('select', $imap->select('INBOX'));
my $uid = ok('append', $imap->append('INBOX', $message));
ok('append', $imap->append_string('INBOX', $message, '\\Seen', '01-Jan-2026 10:00:00 +0000'));
die "unseen" unless ok('unseen', $imap->unseen_count) == 1;
die "text" unless ok('message', $imap->message_string($uid)) eq $message;
die "size" unless ok('size', $imap->size($uid)) == length $message;
die "subject" unless ok('subject', $imap->subject($uid)) eq 'one';
my $envelope = ok('envelope', $imap->get_envelope($uid));
die "envelope" unless $envelope->messageid eq '<one@example.test>';
my $structure = ok('structure', $imap->get_bodystructure($uid));
die "structure" unless lc $structure->bodytype eq 'text';
die "search" unless @{ ok('search', scalar $imap->search(SUBJECT => $imap->Quote('one'))) } == 2;
ok('flag', $imap->set_flag('Flagged', $uid));
die "flags" unless grep { $_ eq '\\Flagged' } ok('flags', $imap->flags($uid));
ok('copy', $imap->copy('Work/Old', $uid));
ok('move', $imap->move('Work/Old', $uid));
ok('expunge', $imap->expunge);
die "count" unless ok('count', $imap->message_count('Work/Old')) == 2;
my $idle = ok('idle', $imap->idle);
ok('done', $imap->done($idle));
ok('rename', $imap->rename('Work/Old', 'Work/New'));
ok('delete', $imap->delete('Work/New'));
ok('logout', $imap->logout);
