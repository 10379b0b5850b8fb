"""Messages of the gateway's own errors, in Chinese and English. Reasons are stable: clients match on them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentence:
    """A reason's HTTP status and its message."""

    status: int
    zh: str
    en: str


TITLES: dict[int, Sentence] = {
    sentence.status: sentence
    for sentence in (
        Sentence(400, "请求有误", "The request is not valid"),
        Sentence(401, "未登录", "Not signed in"),
        Sentence(403, "没有权限", "Not allowed"),
        Sentence(404, "找不到", "Not found"),
        Sentence(405, "方法不适用", "Method not allowed"),
        Sentence(406, "无法按要求的格式回答", "Not acceptable"),
        Sentence(408, "请求太慢", "The request came too slowly"),
        Sentence(409, "与当前状态冲突", "Conflict with the current state"),
        Sentence(412, "版本已变", "Changed in the meantime"),
        Sentence(413, "内容过大", "Too large"),
        Sentence(415, "不支持的内容类型", "Unsupported media type"),
        Sentence(416, "范围超出文件", "Range not satisfiable"),
        Sentence(422, "无法处理", "Cannot be processed"),
        Sentence(429, "请求过多", "Too many requests"),
        Sentence(431, "请求头过大", "Headers too large"),
        Sentence(500, "内部错误", "Internal error"),
        Sentence(501, "尚未提供", "Not implemented"),
        Sentence(503, "暂时不可用", "Temporarily unavailable"),
        Sentence(504, "超时", "Timed out"),
    )
}

REASONS: dict[str, Sentence] = {
    "INVALID_FIELD": Sentence(400, "请求中有字段不正确。", "A field of the request is not valid."),
    "MALFORMED_JSON": Sentence(
        400,
        "请求内容不是正确的 JSON：第 {row} 行第 {column} 列。",
        "The body is not valid JSON: line {row}, column {column}.",
    ),
    "INVALID_UTF8": Sentence(400, "请求内容不是有效的 UTF-8。", "The request is not valid UTF-8."),
    "BROKEN_ENCODING": Sentence(
        400, "请求内容的压缩数据不完整或已损坏。", "The compressed body is damaged or truncated."
    ),
    "UNKNOWN_FIELD": Sentence(400, "没有名为 {name} 的字段。", "There is no field {name}."),
    "UNKNOWN_PARAMETER": Sentence(400, "没有名为 {name} 的参数。", "There is no parameter {name}."),
    "DUPLICATE_PARAMETER": Sentence(400, "参数 {name} 重复。", "Parameter {name} is given more than once."),
    "IDEMPOTENCY_KEY_MISSING": Sentence(400, "缺少 Idempotency-Key 请求头。", "The header Idempotency-Key is missing."),
    "IDEMPOTENCY_KEY_CONFLICT": Sentence(
        400, "Idempotency-Key 与 requestId 不一致。", "Idempotency-Key and requestId are both given and differ."
    ),
    "ETAG_CONFLICT": Sentence(400, "If-Match 与 etag 不一致。", "If-Match and etag are both given and differ."),
    "UNAUTHENTICATED": Sentence(401, "请先登录：缺少有效的令牌。", "No valid token: please sign in."),
    "FOREIGN_ORIGIN": Sentence(
        403, "这个网页不在允许调用的来源之列。", "The page that calls is not of an allowed origin."
    ),
    "NO_SUCH_PATH": Sentence(404, "没有这个地址。", "There is nothing at this path."),
    "METHOD_NOT_ALLOWED": Sentence(405, "这个地址不支持 {method} 方法。", "{method} is not allowed at this path."),
    "NOT_ACCEPTABLE": Sentence(406, "可以提供的格式：{offered}。", "Available media types: {offered}."),
    "BODY_TOO_LARGE": Sentence(413, "请求内容过大。", "The body is too large."),
    "REQUEST_TOO_SLOW": Sentence(408, "请求发送得太慢。", "The request came too slowly."),
    "HEADERS_TOO_LARGE": Sentence(431, "请求头过大或过多。", "The headers are too large or too many."),
    "MALFORMED_REQUEST": Sentence(400, "不是正确的 HTTP 请求。", "This is not a valid HTTP request."),
    "UNSUPPORTED_MEDIA_TYPE": Sentence(415, "请用 {wanted} 发送。", "Send it as {wanted}."),
    "TOO_MANY_REQUESTS": Sentence(429, "请求过多，请稍后再试。", "Too many requests: retry later."),
    "RANGE_NOT_SATISFIABLE": Sentence(416, "文件没有这一段。", "The file has no such part."),
    "INTERNAL": Sentence(500, "内部错误，请提供编号以便查找。", "Internal error: report the occurrence id."),
    "NOT_IMPLEMENTED": Sentence(501, "尚未提供。", "Not implemented."),
    "SERVICE_UNAVAILABLE": Sentence(503, "服务暂时不可用，请稍后再试。", "Temporarily unavailable: retry."),
    "STOPPING": Sentence(503, "服务正在重启，请稍后再试。", "The service is restarting: retry."),
    "DEADLINE_EXCEEDED": Sentence(504, "处理超时，请稍后再试。", "The request took too long: retry."),
}
