// Node: load.c's protocol.   node bench/servers/node.js CERT KEY
const fs = require('fs'), tls = require('tls');
const [cert, key] = process.argv.slice(2).map((name) => fs.readFileSync(name));

const server = tls.createServer({cert, key}, (socket) => {
  socket.on('error', () => {});
  socket.once('data', (data) => {
    const [, word, size, rest] = /^([A-Z]+) ?(\d*)\n([^]*)/.exec(data.toString('latin1'));
    if (word === 'ECHO') {
      if (rest) socket.write(Buffer.from(rest, 'latin1'));
      socket.on('data', (chunk) => socket.write(chunk));
      return;
    }
    socket.on('data', () => {});
    if (word === 'PUT') return;
    const piece = Buffer.alloc(+size, 'x');
    const more = () => { while (socket.write(piece)); };
    socket.on('drain', more);
    more();
  });
});
server.on('tlsClientError', () => {});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
