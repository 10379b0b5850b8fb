// The calls of the README with a client that @hey-api/openapi-ts generated.
import { client } from "./hey/client.gen.js";
import { createReport, getReceipt, getReport, getTimeline } from "./hey/sdk.gen.js";

const key = `generated-hey-${process.pid}-${Date.now()}`;
client.setConfig({
  baseUrl: process.env.ACCORD_URL,
  auth: process.env.ACCORD_TOKEN,
  headers: { "Accept-Language": "en" },
  throwOnError: true,
});

const filed = await createReport({
  headers: { "Idempotency-Key": key },
  body: {
    channel: "CHANNEL_COUNTER",
    unit: "units/620102",
    category: "categories/neighbour",
    text: "楼上漏水，天花板泡坏了，对方不赔。",
    peopleAffected: 3,
  },
  throwOnError: true,
});
const report = filed.data.name.replace("reports/", "");
const read = await getReport({ path: { report }, throwOnError: true });
const receipt = await getReceipt({ path: { receipt: filed.data.receiptCode }, throwOnError: true });
const timeline = await getTimeline({
  path: { case: report },
  headers: { Accept: "application/json" },
  throwOnError: true,
});
const told = timeline.data as { events: { type: string }[] };
console.log(JSON.stringify([read.data.name, receipt.data.report, told.events[0]?.type]));
