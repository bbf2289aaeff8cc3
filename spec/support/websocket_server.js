// A WebSocket server on Node's own modules: node websocket_server.js key.pem cert.pem. What it does, its path says.
const crypto = require('crypto'), fs = require('fs'), https = require('https');

const frame = (first, text) => {
  const body = Buffer.from(text);
  const head = body.length < 126 ? Buffer.from([first, body.length]) : Buffer.alloc(body.length < 65536 ? 4 : 10);
  if (body.length >= 126) {
    head[0] = first;
    head[1] = body.length < 65536 ? 126 : 127;
    if (body.length < 65536) head.writeUInt16BE(body.length, 2); else head.writeBigUInt64BE(BigInt(body.length), 2);
  }
  return Buffer.concat([head, body]);
};

// Calls on_frame(opcode, text) for each frame that comes; all have to be masked.
const frames = (socket, on_frame) => {
  let data = Buffer.alloc(0);
  socket.on('data', (more) => {
    data = Buffer.concat([data, more]);
    for (;;) {
      if (data.length < 2) return;
      if (!(data[1] & 128)) { console.log('not masked'); return socket.destroy(); }
      let size = data[1] & 127, at = 2;
      if (size === 126 && data.length >= 4) { size = data.readUInt16BE(2); at = 4; }
      else if (size === 127 && data.length >= 10) { size = Number(data.readBigUInt64BE(2)); at = 10; }
      else if (size >= 126) return;
      if (data.length < at + 4 + size) return;
      const mask = data.subarray(at, at + 4), body = Buffer.from(data.subarray(at + 4, at + 4 + size));
      for (let i = 0; i < size; i++) body[i] ^= mask[i % 4];
      const opcode = data[0] & 15;
      data = data.subarray(at + 4 + size);
      on_frame(opcode, body, mask.toString('hex'));
    }
  });
};

const begin = {
  '/ping': (socket) => socket.write(frame(0x89, 'are you there?')),
  '/parts': (socket) => ['\u0001one, ', '\u0009', '\u0000two, ', '\u0080three'].forEach((part) =>
    socket.write(frame(part === '\u0009' ? 0x89 : part.charCodeAt(0), part.slice(1)))),
  '/masked': (socket) => socket.write(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 65])),
  '/reserved': (socket) => socket.write(frame(0xC1, 'x')),
  '/continued': (socket) => socket.write(frame(0x80, 'x')),
  '/longping': (socket) => socket.write(frame(0x89, 'x'.repeat(200))),
  '/huge': (socket) => socket.write(Buffer.from([0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0])),
  '/cut': (socket) => socket.end(Buffer.from([0x81, 10, 65])),
  '/bye': (socket) => socket.write(frame(0x88, '\u0003\u00e9'.slice(0, 1) + 'x')),
};

const server = https.createServer({ key: fs.readFileSync(process.argv[2]), cert: fs.readFileSync(process.argv[3]) },
  (request, response) => response.end('no WebSocket here'));
server.on('upgrade', (request, socket) => {
  const key = request.headers['sec-websocket-key'] + (request.url === '/wrong' ? 'x' : '');
  const accept = crypto.createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.on('error', () => {});
  frames(socket, (opcode, body, mask) => {
    if (opcode === 8) {
      console.log('closed ' + body.toString('hex'));
      return socket.end(frame(0x88, body));
    }
    if (opcode === 10) return console.log('pong ' + body);
    console.log('mask ' + mask);
    socket.write(frame(0x80 + opcode, body));
  });
  if (begin[request.url]) begin[request.url](socket);
});
server.listen(0, '127.0.0.1', () => console.log('listening on port ' + server.address().port));
