// A small SMSC on the npm package `smpp`: it answers, sends receipts, and tells each event as a line of JSON.
// It ends with its standard input. Started by independent.py.
'use strict';

const crypto = require('crypto');
const smpp = require('smpp');

const receivers = [];
const receipts = []; // that wait for a receiver

function tell(event, values) {
  process.stdout.write(JSON.stringify({ event, ...values }) + '\n');
}

function deliver() {
  const session = receivers[0];
  while (session && receipts.length) {
    const { id, from, to } = receipts.shift();
    session.deliver_sm(
      {
        source_addr: from,
        destination_addr: to,
        esm_class: 4,
        short_message:
          `id:${id} sub:001 dlvrd:001 submit date:2311142213 done date:2311142214 stat:DELIVRD err:000 text:`,
        receipted_message_id: id,
        message_state: 2,
      },
      (pdu) => tell('deliver_sm_resp', { status: pdu.command_status }),
    );
  }
}

const server = smpp.createServer((session) => {
  session.on('error', (error) => tell('error', { reason: String(error) }));
  session.on('close', () => {
    if (receivers.includes(session)) receivers.splice(receivers.indexOf(session), 1);
  });
  for (const mode of ['transceiver', 'transmitter', 'receiver']) {
    session.on(`bind_${mode}`, (pdu) => {
      tell('bind', { mode, system_id: pdu.system_id, password: pdu.password, system_type: pdu.system_type });
      session.send(pdu.response({ system_id: 'node' }));
      session.enquire_link((answer) => tell('enquire_link_resp', { status: answer.command_status }));
      if (mode !== 'transmitter') receivers.push(session);
      deliver();
    });
  }
  session.on('submit_sm', (pdu) => {
    const id = crypto.randomBytes(16).toString('hex');
    const { message, udh } = pdu.short_message;
    tell('submit_sm', {
      to: pdu.destination_addr,
      from: pdu.source_addr,
      text: message,
      udh: udh ? Buffer.concat(udh).toString('hex') : '',
      data_coding: pdu.data_coding,
    });
    session.send(pdu.response({ message_id: id }));
    if (pdu.registered_delivery & 1) receipts.push({ id, from: pdu.destination_addr, to: pdu.source_addr });
    deliver();
  });
  session.on('enquire_link', (pdu) => {
    tell('enquire_link', {});
    session.send(pdu.response());
  });
  session.on('unbind', (pdu) => {
    tell('unbind', {});
    session.send(pdu.response());
    session.close();
  });
});

server.listen(0, '127.0.0.1', () => tell('listening', { port: server.address().port }));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
