// What one would write without us: Hono on Node's server, and onnxruntime-node's own run() in the handler.
// `node onnx-server.js PATH=MODEL.onnx:INPUT:SHAPE:OUTPUT...` posts float32 bytes in and out; prints its port.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const app = new Hono();
for (const word of process.argv.slice(2)) {
  const [path = '', file = '', input = '', axes = '', output = ''] = word.split(/[=:]/);
  const shape = axes.split('x').map(Number);
  const session = await InferenceSession.create(file);
  app.post(path, async (context) => {
    const data = new Float32Array(await context.req.arrayBuffer());
    const results = await session.run({ [input]: new Tensor('float32', data, shape) });
    const { buffer, byteOffset, byteLength } = results[output]!.data as Float32Array<ArrayBuffer>; // its name is the caller's
    return context.body(new Uint8Array(buffer, byteOffset, byteLength));
  });
}
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => process.stdout.write(`${port}\n`));
