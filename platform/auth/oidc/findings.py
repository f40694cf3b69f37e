"""What the test of an identity provider can find, each with a sentence in both languages that says what to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """OK: as it should be. WARNING: sign-in works, something is lost or unwise. ERROR: nobody can sign in."""

    OK = "OK"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of finding. The sentences have holes for the finding's data."""

    severity: Severity
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the test found. `data` fills the holes; what a provider wrote in it is cut and printable."""

    code: str
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        return FINDINGS[self.code].severity

    def sentence(self, language: str) -> str:
        """What was found, and what to do."""
        kind = FINDINGS[self.code]
        return (kind.en if language.lower().startswith("en") else kind.zh).format_map(self.data)


def found(code: str, **data: object) -> Finding:
    """A finding whose data are fit to be shown."""
    return Finding(code, {name: _shown(value) for name, value in data.items()})


def _shown(value: object) -> str:
    text = "".join(one if one.isprintable() else "?" for one in str(value)[:301])
    return text if len(text) <= 300 else text[:300] + "…"


_OK, _WARNING, _ERROR = Severity.OK, Severity.WARNING, Severity.ERROR

FINDINGS: Final[Mapping[str, Kind]] = {
    "ALGORITHMS": Kind(
        _ERROR,
        "身份提供方不支持任何可信的签名算法。请在其控制台为此应用启用 RS256 或 ES256 签名的 ID Token。",
        "The provider signs with no algorithm that can be trusted. Switch on ID tokens signed with RS256 or ES256 there.",
    ),
    "AUTH_METHOD": Kind(
        _ERROR,
        "身份提供方不接受以 Basic 头或表单传递的客户端密钥。请在其控制台允许 client_secret_basic 或 client_secret_post。",
        "The provider takes a client secret neither by header nor by form. Allow client_secret_basic or client_secret_post there.",
    ),
    "BACKCHANNEL_MISSING": Kind(
        _WARNING,
        "身份提供方不会通知会话结束：在那里退出或被停用的人员，此处会话最多再持续 12 小时。",
        "The provider does not say when a session ends: who signs out or is removed there stays signed in here for up to 12 hours.",
    ),
    "CLOCK_SKEW": Kind(
        _ERROR,
        "身份提供方的时钟与本机相差 {seconds} 秒，令牌会被拒绝。请校准两端时钟（NTP）。",
        "The provider's clock and ours differ by {seconds} seconds, so that tokens will be refused. Set both clocks by NTP.",
    ),
    "DISCOVERY_FORM": Kind(
        _ERROR,
        "{url} 返回的不是 OpenID Connect 配置文档。请检查签发者地址是否完整。",
        "{url} does not answer with an OpenID Connect configuration. Check that the issuer is complete.",
    ),
    "DISCOVERY_OK": Kind(
        _OK,
        "已读取配置文档，签发者一致。",
        "The configuration document was read, and names the same issuer.",
    ),
    "DISCOVERY_STATUS": Kind(
        _ERROR,
        "{url} 返回状态 {status}。请检查签发者地址；不要包含 /.well-known 部分。",
        "{url} answers with status {status}. Check the issuer; leave out the part from /.well-known on.",
    ),
    "DISCOVERY_UNREACHABLE": Kind(
        _ERROR,
        "无法读取 {url}（{why}）。该地址必须能从公网以 https 访问，且证书有效。",
        "{url} cannot be read ({why}). It must be reachable from the internet by https, with a valid certificate.",
    ),
    "DOMAIN_UNCONFIRMED": Kind(
        _WARNING,
        "邮箱域名 {domains} 尚未由平台运营方确认，暂不生效。请联系运营方。",
        "The e-mail domains {domains} are not confirmed by the installation's operator, and do not count yet. Ask them to.",
    ),
    "ENDPOINT_INSECURE": Kind(
        _ERROR,
        "配置文档中的 {name} 不是有效的 https 地址。请联系身份提供方的管理员。",
        "{name} in the configuration document is not an https address. Ask the administrator of the provider.",
    ),
    "ENDPOINT_MISSING": Kind(
        _ERROR,
        "配置文档缺少 {name}。请确认该应用使用 OpenID Connect 而非仅 OAuth 2.0。",
        "The configuration document has no {name}. Make sure that this is OpenID Connect, and not OAuth 2.0 alone.",
    ),
    "ISSUER_DIFFERS": Kind(
        _ERROR,
        "配置文档中的签发者是 {issuer}，与此处填写的不同。请原样填写该值。",
        "The configuration document names the issuer {issuer}, which is not the one written here. Write exactly that.",
    ),
    "ISSUER_SLASH": Kind(
        _ERROR,
        "签发者仅相差末尾的斜杠：请填写 {issuer}。",
        "The issuer differs by a slash at its end alone: write {issuer}.",
    ),
    "KEYS_FORM": Kind(
        _ERROR,
        "{url} 中没有可用的签名公钥。请在身份提供方启用 RSA 或 EC 签名密钥。",
        "{url} holds no key that can be used. Switch on a signing key (RSA or EC) at the provider.",
    ),
    "KEYS_OK": Kind(_OK, "已读取 {count} 个签名公钥。", "Signing keys were read: {count}."),
    "KEYS_UNREACHABLE": Kind(
        _ERROR,
        "无法读取签名公钥 {url}（{why}）。",
        "The signing keys at {url} cannot be read ({why}). They must be reachable from the internet.",
    ),
    "LOGOUT_MISSING": Kind(
        _WARNING,
        "身份提供方没有退出端点：在此处退出不会结束那里的会话。",
        "The provider has no logout endpoint: signing out here does not end the session there.",
    ),
    "NO_RULES": Kind(
        _WARNING,
        "没有任何角色规则：登录的人员不会获得任何角色，除非由管理员授予。",
        "There is no role rule: people who sign in may do nothing, unless an administrator gives them a role.",
    ),
    "PKCE_MISSING": Kind(
        _WARNING,
        "身份提供方未声明支持 PKCE S256。登录仍可进行，但少了一层保护；如可启用请启用。",
        "The provider does not list PKCE with S256. Sign-in works, with one protection less; switch it on if you can.",
    ),
    "PROPOSAL_WAITS": Kind(
        _WARNING,
        "有一项修改尚待另一位管理员启用；此次测试针对修改后的规则。",
        "A change waits for another administrator to activate it; the rules of that change were tested.",
    ),
    "PUBLIC_URL": Kind(
        _ERROR,
        "本系统的地址 {url} 不是 https，身份提供方会拒绝它。请运营方设置 FORECOURT_PUBLIC_URL。",
        "This installation's address {url} is not https, and providers refuse it. The operator sets FORECOURT_PUBLIC_URL.",
    ),
    "REGISTER": Kind(
        _OK,
        "请在身份提供方登记：回调地址 {redirect_uri}；后端登出地址 {backchannel_uri}；退出后返回地址 {logout_uri}。",
        "Register at the provider: redirect URI {redirect_uri}; back-channel logout URI {backchannel_uri};"
        " post-logout redirect URI {logout_uri}.",
    ),
    "RESPONSE_TYPE": Kind(
        _ERROR,
        "身份提供方不支持授权码流程（response_type=code）。请在其控制台为此应用启用。",
        "The provider does not offer the authorization code flow (response_type=code). Switch it on for this application.",
    ),
    "RULE_GIVES_ADMIN": Kind(
        _WARNING,
        "有规则会授予集团管理员（GROUP_ADMIN）：能修改身份提供方中相应群组的人，就能成为管理员。请确认这是有意的。",
        "A rule gives GROUP_ADMIN: whoever may change that group at the provider can become administrator here. Make sure it is meant.",
    ),
    "RULE_UNKNOWN_STORE": Kind(
        _WARNING,
        "规则中的门店代码 {stores} 在集团中不存在，这些规则不起作用。",
        "The group has no store {stores}: the rules that name them give nothing.",
    ),
    "SCOPE_UNKNOWN": Kind(
        _WARNING,
        "身份提供方未列出 scope：{scopes}。如登录时报错，请将其移除。",
        "The provider does not list the scopes {scopes}. Take them out if sign-in ends in an error.",
    ),
    "SECRET_MISSING": Kind(
        _WARNING,
        "未填写客户端密钥：仅当该应用登记为公共客户端时才可登录。",
        "There is no client secret: sign-in works only if the application is registered as a public client.",
    ),
    "SECRET_RIGHT": Kind(_OK, "客户端标识与密钥被接受。", "The provider knows the client id, and accepts the secret."),
    "SECRET_UNKNOWN": Kind(
        _WARNING,
        "无法判断客户端密钥是否正确（令牌端点状态 {status}）。请用一次真实登录来确认。",
        "Whether the client secret is right cannot be told (the token endpoint answers {status}). Try one real sign-in.",
    ),
    "SECRET_WRONG": Kind(
        _ERROR,
        "客户端标识或密钥不正确。请在身份提供方重新生成密钥并在此填写（填写密钥的值，而非其编号）。",
        "The client id or secret is wrong. Make a new secret at the provider and write its value (not its id) here.",
    ),
    "TOKEN_UNREACHABLE": Kind(
        _ERROR,
        "无法访问令牌端点 {url}（{why}）。",
        "The token endpoint {url} cannot be reached ({why}).",
    ),
}
