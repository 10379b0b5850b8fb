// The calls of the README with a client whose types openapi-typescript generated.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

const key = `generated-${process.pid}-${Date.now()}`;
const client = createClient<paths>({
  baseUrl: process.env.ACCORD_URL,
  headers: { Authorization: `Bearer ${process.env.ACCORD_TOKEN}`, "Accept-Language": "en" },
});

const filed = await client.POST("/v1/reports", {
  params: { header: { "Idempotency-Key": key } },
  body: {
    channel: "CHANNEL_COUNTER",
    unit: "units/620102",
    category: "categories/neighbour",
    text: "楼上漏水，天花板泡坏了，对方不赔。",
    peopleAffected: 3,
  },
});
if (filed.error) throw new Error(filed.error.detail);
const report = filed.data.name.replace("reports/", "");

const read = await client.GET("/v1/reports/{report}", { params: { path: { report } } });
if (read.error) throw new Error(read.error.detail);
const receipt = await client.GET("/v1/receipts/{receipt}", { params: { path: { receipt: filed.data.receiptCode } } });
if (receipt.error) throw new Error(receipt.error.detail);
const timeline = await client.GET("/v1/cases/{case}/timeline", {
  params: { path: { case: report } },
  headers: { Accept: "application/json" },
});
if (timeline.error) throw new Error(timeline.error.detail);
const told = timeline.data as { events: { type: string }[] };
console.log(JSON.stringify([read.data.name, receipt.data.report, told.events[0]?.type]));
