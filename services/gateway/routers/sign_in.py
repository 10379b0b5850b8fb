"""Signing in at the demo issuer: the browser flow with PKCE, the flow for devices, and the pages on which one chooses.

What an application asks for wrongly is refused in the form of OAuth (RFC 6749), which applications read.
"""

from __future__ import annotations

from html import escape
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from services.gateway.routers import grants
from services.gateway.routers.grants import Asked, OAuthError
from services.gateway.routers.issuer import DemoUser, Issuer, Serving, base_of, form_of, refused
from services.gateway.routers.operations import READ

router = APIRouter(prefix="/issuer", include_in_schema=False)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
_PAGE = """<!doctype html>
<html lang="zh">
<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>演示登录 / Demo sign-in</title>
<style>body{{font:1.1rem sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem}}
select,input,button{{font:inherit;margin:.3rem 0;padding:.3rem}}</style>
<h1>演示登录 / Demo sign-in</h1>
{content}
</html>
"""
_WARNING = """<p>这里任何人都可以选择任何身份，只用于试用。<br>
Anybody may choose to be anybody here: it is for trying Accord, and for nothing else.</p>"""
_CHOICE = """<form method="post" action="{action}">{hidden}
{code}<p><label>身份 / Who you are<br><select name="user" required>{users}</select></label></p>
<p><button name="answer" value="yes">登录 / Sign in</button>
<button name="answer" value="no" formnovalidate>拒绝 / Refuse</button></p></form>"""
_CODE = """<p><label>设备上显示的代码 / The code that the device shows<br>
<input name="user_code" value="{code}" autocomplete="off" required maxlength="20"></label></p>"""
_ROLES = {
    "citizen": "群众", "grid_worker": "网格员", "clerk": "窗口人员", "duty_officer": "值班员", "handler": "承办人",
    "mediator": "调解员", "reviewer": "审核人", "unit_head": "单位负责人", "supervisor": "督办人",
    "auditor": "审计人员", "operator": "运维人员", "integrator": "系统对接",
}  # fmt: skip
_LEVELS = {"province": "省", "city": "市", "county": "县", "township": "乡镇", "village": "村"}
_DONE = "<p>{zh}</p><p>{en}</p>"


def _page(content: str, status: int = 200) -> Response:
    headers = {"content-security-policy": _POLICY, "cache-control": "no-store"}
    return HTMLResponse(_PAGE.format(content=content), status, headers)


def _said(zh: str, en: str, status: int = 200) -> Response:
    return _page(_DONE.format(zh=escape(zh), en=escape(en)), status)


def _called(user: DemoUser) -> str:
    words = f"{_ROLES.get(user.role, user.role)} · {_LEVELS.get(user.level, user.level)} {user.unit}"
    return f"{words} / {user.role.replace('_', ' ')}, {user.level}"


def _choice(issuer: Issuer, action: str, hidden: dict[str, str], code: str = "") -> str:
    kept = "".join(f'<input type="hidden" name="{escape(n)}" value="{escape(v)}">' for n, v in hidden.items())
    options = (f'<option value="{escape(each.id)}">{escape(_called(each))}</option>' for each in issuer.users.values())
    users = "".join(options)
    return _WARNING + _CHOICE.format(action=escape(action), hidden=kept, code=code, users=users)


async def _query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.url.query, keep_blank_values=True))


Query = Annotated[dict[str, str], Depends(_query)]
Form = Annotated[dict[str, str], Depends(form_of)]


@router.api_route("/authorize", methods=READ)
async def authorize(request: Request, sent: Query, issuer: Serving) -> Response:
    """Return the page on which somebody chooses who they are."""
    try:
        client, redirect = grants.addressed(sent, issuer.origins(base_of(request)))
    except OAuthError as error:
        return _said("应用或回调地址不正确。", error.description, error.status)
    try:
        grants.asked_for(sent, client, redirect)
    except OAuthError as error:
        return _back(request, redirect, sent.get("state", ""), error=error.error, error_description=error.description)
    names = ("client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge")
    kept = {name: sent[name] for name in (*names, "code_challenge_method") if name in sent}
    return _page(_choice(issuer, f"{router.prefix}/authorize", kept))


@router.post("/authorize")
async def choose(request: Request, sent: Form, issuer: Serving) -> Response:
    """Send somebody back to the application with a code."""
    try:
        client, redirect = grants.addressed(sent, issuer.origins(base_of(request)))
        asked: Asked = grants.asked_for(sent, client, redirect)
    except OAuthError as error:
        return _said("请求不正确。", error.description, error.status)
    if sent.get("answer") != "yes":
        return _back(request, redirect, asked.state, error="access_denied")
    user = issuer.users.get(sent.get("user", ""))
    if user is None:
        return _said("没有这个演示用户。", "No such demo user.", 400)
    return _back(request, redirect, asked.state, code=issuer.grants.code(asked, user.id))


def _back(request: Request, redirect: str, state: str, **told: str) -> Response:
    """Return somebody to the application, naming who answers (RFC 9207)."""
    told |= {"iss": base_of(request), **({"state": state} if state else {})}
    mark = "&" if urlsplit(redirect).query else "?"
    return RedirectResponse(f"{redirect}{mark}{urlencode(told)}", 303, {"cache-control": "no-store"})


@router.post("/device_authorization")
async def device(request: Request, sent: Form, issuer: Serving) -> Response:
    """Give a device its two codes (RFC 8628)."""
    try:
        code, waits = issuer.grants.device(grants.client_of(sent))
    except OAuthError as error:
        return refused(error)
    page = f"{base_of(request)}/device"
    told = {
        "device_code": code, "user_code": waits.user_code, "verification_uri": page,
        "verification_uri_complete": f"{page}?{urlencode({'user_code': waits.user_code})}",
        "expires_in": grants.DEVICE_SECONDS, "interval": grants.INTERVAL,
    }  # fmt: skip
    return JSONResponse(told, headers={"cache-control": "no-store"})


@router.api_route("/device", methods=READ)
async def device_page(sent: Query, issuer: Serving) -> Response:
    """Return the page on which somebody signs in for a device."""
    code = _CODE.format(code=escape(sent.get("user_code", "")[:20]))
    return _page(_choice(issuer, f"{router.prefix}/device", {}, code))


@router.post("/device")
async def device_choice(sent: Form, issuer: Serving) -> Response:
    """Let a device go on as somebody, or refuse it."""
    waits = issuer.grants.waiting(sent.get("user_code", "")[:20])
    user: DemoUser | None = issuer.users.get(sent.get("user", ""))
    if waits is None:
        return _said("没有等待中的设备使用这个代码。", "No device waits with this code.", 400)
    if sent.get("answer") != "yes":
        waits.refused = True
        return _said("已拒绝。", "Refused.")
    if user is None:
        return _said("没有这个演示用户。", "No such demo user.", 400)
    waits.user = user.id
    return _said("已登录，可以回到设备。", "Signed in: go back to the device.")
