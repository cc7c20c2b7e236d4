# A small SMSC on Perl's Net::SMPP: it answers, sends receipts, and tells each event as a line of JSON.
# It ends with its standard input. Started by independent.py.
use strict;
use warnings;

use Encode qw(decode);
use Encode::GSM0338;
use IO::Select;
use JSON::PP;
use Net::SMPP;

use constant {
    BIND_RECEIVER => 0x01, BIND_TRANSMITTER => 0x02, SUBMIT_SM => 0x04, UNBIND => 0x06,
    BIND_TRANSCEIVER => 0x09, ENQUIRE_LINK => 0x15, DELIVER_SM_RESP => 0x80000005,
    ENQUIRE_LINK_RESP => 0x80000015,
};

$| = 1;
my $json = JSON::PP->new->canonical->ascii;
my $listener = Net::SMPP->new_listen('127.0.0.1', port => 0) or die "cannot listen: $!";
my $ready = IO::Select->new($listener, \*STDIN);
my (@receivers, @receipts);

sub tell_of {
    my ($event, %values) = @_;
    print $json->encode({ event => $event, %values }), "\n";
}

sub deliver {
    while (@receivers && @receipts) {
        my ($id, $from, $to) = @{ shift @receipts };
        $receivers[0]->deliver_sm(
            async => 1, source_addr => $from, destination_addr => $to, esm_class => 4,
            short_message =>
                "id:$id sub:001 dlvrd:001 submit date:2311142213 done date:2311142214 stat:DELIVRD err:000 text:",
        );
    }
}

sub text_of {
    my ($pdu) = @_;
    my ($octets, $udh) = ($pdu->{short_message}, '');
    if ($pdu->{esm_class} & 0x40) {
        my $length = 1 + ord $octets;
        ($udh, $octets) = (substr($octets, 0, $length), substr($octets, $length));
    }
    return (decode($pdu->{data_coding} == 8 ? 'UTF-16BE' : 'gsm0338', $octets), unpack 'H*', $udh);
}

sub leave {
    my ($connection) = @_;
    @receivers = grep { $_ != $connection } @receivers;
    $ready->remove($connection);
    close $connection;
}

sub serve {
    my ($connection) = @_;
    my $pdu = do { local $SIG{__WARN__} = sub { }; $connection->read_pdu };  # it warns of every end
    return leave($connection) unless $pdu;
    my ($command, $seq) = ($pdu->{cmd}, $pdu->{seq});
    if ($command == SUBMIT_SM) {
        my $id = join '', map { sprintf '%08x', int rand 0xffffffff } 1 .. 4;
        my ($text, $udh) = text_of($pdu);
        tell_of('submit_sm',
            to => $pdu->{destination_addr}, from => $pdu->{source_addr}, text => $text, udh => $udh,
            data_coding => $pdu->{data_coding});
        $connection->submit_sm_resp(seq => $seq, message_id => $id);
        push @receipts, [$id, $pdu->{destination_addr}, $pdu->{source_addr}] if $pdu->{registered_delivery} & 1;
    } elsif ($command == BIND_TRANSCEIVER || $command == BIND_TRANSMITTER || $command == BIND_RECEIVER) {
        my $mode = { BIND_TRANSCEIVER, 'transceiver', BIND_TRANSMITTER, 'transmitter' }->{$command} || 'receiver';
        tell_of('bind', mode => $mode, map { $_ => $pdu->{$_} } qw(system_id password system_type));
        my $answer = "bind_${mode}_resp";
        $connection->$answer(seq => $seq, system_id => 'perl');
        $connection->enquire_link(async => 1);
        push @receivers, $connection if $mode ne 'transmitter';
    } elsif ($command == ENQUIRE_LINK) {
        tell_of('enquire_link');
        $connection->enquire_link_resp(seq => $seq);
    } elsif ($command == ENQUIRE_LINK_RESP) {
        tell_of('enquire_link_resp', status => $pdu->{status});
    } elsif ($command == DELIVER_SM_RESP) {
        tell_of('deliver_sm_resp', status => $pdu->{status});
    } elsif ($command == UNBIND) {
        tell_of('unbind');
        $connection->unbind_resp(seq => $seq);
        return leave($connection);
    } else {
        tell_of('error', reason => sprintf 'command 0x%08X', $command);
    }
    deliver();
}

tell_of('listening', port => $listener->sockport);
while (1) {
    for my $handle ($ready->can_read) {
        if ($handle == \*STDIN) {
            exit 0 unless sysread STDIN, my $said, 1024;
        } elsif ($handle == $listener) {
            $ready->add(scalar $listener->accept);
        } else {
            serve($handle);
        }
    }
}
