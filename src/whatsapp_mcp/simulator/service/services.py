"""All that WhatsApp's servers do, put together."""

from __future__ import annotations

from whatsapp_mcp.jid import BROADCAST, NEWSLETTER
from whatsapp_mcp.simulator.network.http import Routes
from whatsapp_mcp.simulator.service.app_state_files import AppStateFiles
from whatsapp_mcp.simulator.service.appstate import SimAppState
from whatsapp_mcp.simulator.service.business import BusinessProfiles
from whatsapp_mcp.simulator.service.calls import Calls
from whatsapp_mcp.simulator.service.catalogue import Catalogues
from whatsapp_mcp.simulator.service.catalogue_queries import CatalogueQueries
from whatsapp_mcp.simulator.service.contact_links import ContactLinks
from whatsapp_mcp.simulator.service.device_lists import DeviceLists
from whatsapp_mcp.simulator.service.emails import AccountEmails
from whatsapp_mcp.simulator.service.groups.group import SimGroups
from whatsapp_mcp.simulator.service.login import Login
from whatsapp_mcp.simulator.service.media import MediaHost
from whatsapp_mcp.simulator.service.message_relay import SimMessages
from whatsapp_mcp.simulator.service.mex import Mex
from whatsapp_mcp.simulator.service.newsletters.newsletter_queries import NewsletterQueries
from whatsapp_mcp.simulator.service.newsletters.newsletters import Newsletters
from whatsapp_mcp.simulator.service.pairing import Pairing
from whatsapp_mcp.simulator.service.pictures import Pictures
from whatsapp_mcp.simulator.service.prekeys import PreKeys
from whatsapp_mcp.simulator.service.presence import Presence
from whatsapp_mcp.simulator.service.privacy import Privacy
from whatsapp_mcp.simulator.service.profile import Profile
from whatsapp_mcp.simulator.service.receipts import Receipts
from whatsapp_mcp.simulator.service.router import Router
from whatsapp_mcp.simulator.service.standing import Standing
from whatsapp_mcp.simulator.service.status_posts import StatusPosts
from whatsapp_mcp.simulator.service.usync import Usync
from whatsapp_mcp.simulator.service.web_pages import WebPages
from whatsapp_mcp.simulator.state.config import QrTiming
from whatsapp_mcp.simulator.state.faults import Faults
from whatsapp_mcp.simulator.state.world import World


class SimServices:
    """Every subject's module, with what it needs of the others. What is steered from outside has a name."""

    def __init__(self, world: World, faults: Faults, qr: QrTiming) -> None:
        self.router = Router(faults)
        self.routes = Routes()
        WebPages(self.routes)
        self.pairing = Pairing(world, qr)
        self.login = Login(world, self.pairing, self.router, faults)
        self.app_state_files = AppStateFiles(self.routes)
        self.app_state = SimAppState(world, self.app_state_files, faults)
        self.contact_links, self.emails = ContactLinks(), AccountEmails()
        self.privacy = Privacy(world)
        self.media = MediaHost(world, self.routes, faults)
        pictures, self.mex = Pictures(world, self.routes), Mex(world)
        self.business, self.catalogues = BusinessProfiles(world), Catalogues(world)
        CatalogueQueries(world, self.catalogues, self.mex)
        self.standing = Standing(world, self.mex)
        self.groups = SimGroups(world, faults, pictures)
        self.profile = Profile(world, pictures, self.groups.settings, self.mex)
        self.newsletters = Newsletters(world, self.mex, pictures)
        NewsletterQueries(world, self.newsletters, self.mex)
        statuses, messages, receipts = StatusPosts(world, faults), SimMessages(world, faults), Receipts(world)
        messages.kinds |= {NEWSLETTER: self.newsletters, BROADCAST: statuses}
        receipts.kinds |= {NEWSLETTER: self.newsletters.receipt, BROADCAST: statuses.receipt}
        self.groups.register(self.router, messages, self.mex)
        presence, prekeys = Presence(world), PreKeys(world)
        parts = (prekeys, Usync(world), Calls(world), messages, receipts, presence, self.mex, statuses)
        named = (self.privacy, self.profile, self.newsletters, self.media, self.app_state)
        for part in (*parts, *named, self.business, self.catalogues, self.contact_links, self.emails, self.standing):
            part.register(self.router)
        lists = DeviceLists(world)
        prekeys.on_upload.append(self.login.keys_came)
        self.login.on_offline.append(presence.device_offline)
        self.pairing.on_linked.append(lists.changed)
        self.login.on_unlinked += [lists.changed, presence.device_offline]
